//! How people come in: the web console under `/console`.
