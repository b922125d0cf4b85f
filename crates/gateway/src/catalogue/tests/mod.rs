//! The engine and every file of the catalogue against their golden cases.
