//! Tests of the cluster's floor that span its files; the small ones stand beside the code.

mod world;
mod rules;
mod election;
mod explaining;
mod image;
mod racing;
mod balance;
mod reassignment;
mod moving;
mod reconcile;
mod bench;
mod carrying_out;
mod joining;
mod watching;
mod controlling;
mod suspecting;
mod commanding;
mod operating;
