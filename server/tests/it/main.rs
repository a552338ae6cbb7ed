//! The console as its clients meet it: started in this process, spoken to over HTTP. Each test has a console of its
//! own; nothing is shared and nothing is left behind.

mod access;
mod command_line;
mod hosts;
mod keys;
mod lab;
mod login;
mod openapi;
mod requests;
mod secrets;
mod storage;
mod streams;
mod support;
mod tokens;
