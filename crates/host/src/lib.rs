//! Virtual meters on Linux.
