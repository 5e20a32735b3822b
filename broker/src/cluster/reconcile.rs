//! Which records the controller must write, given what is and what should be.
