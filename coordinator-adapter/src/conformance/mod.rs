//! One suite that every store must pass: the memory store, the same with a file, and a real etcd.
