//! The program as its users meet it: the real binary, real sockets, real files; simulated phones.

mod kit;
