//! Who leads a partition when its leader is gone.
