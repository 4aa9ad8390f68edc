//! The forwarder from outside: against a scripted broker, and against a real one.

mod answers;
mod broker;
mod faults;
mod gateway;
mod mosquitto;
