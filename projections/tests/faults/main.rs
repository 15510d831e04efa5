//! Every named place between the steps of processes, timers and effects, tried: each reaction happens once, and the outside sees
//! one idempotency key for each effect, whatever breaks off where.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[allow(dead_code, reason = "shared with the other suite, which uses all of it")]
#[path = "../runtime/book.rs"]
mod book;
#[allow(dead_code, reason = "shared with the other suite, which uses all of it")]
#[path = "../runtime/echo.rs"]
mod echo;
#[allow(dead_code, reason = "shared with the other suite, which uses all of it")]
#[path = "../runtime/toy.rs"]
mod toy;
#[allow(dead_code, reason = "shared with the other suite, which uses all of it")]
#[path = "../runtime/upcasts.rs"]
mod upcasts;

mod places;
