//! Making what was appended durable, on another thread and without the log's lock.

use std::io;

use crate::types::Offset;

/// The files that must be fsynced so that the log is durable up to an end; taken under the log's lock, run without.
#[derive(Debug)]
pub struct FlushJob {
    end: Offset,
}

impl FlushJob {
    /// The end that this job will make durable.
    #[must_use]
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        unimplemented!("storage: flush")
    }

    /// Fsyncs the files, and the directory if one of them is new.
    ///
    /// # Errors
    /// What fsync said. The log must be poisoned then: a second fsync proves nothing.
    pub fn run(self) -> Result<Offset, io::Error> {
        unimplemented!("storage: flush")
    }
}
