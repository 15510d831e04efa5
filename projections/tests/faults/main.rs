//! Every named place between the steps, tried. Of processes, timers and effects: each reaction happens once, and the outside sees
//! one idempotency key for each effect. Of read models, rebuilds and hot rows: the rows are the fold of the log. Whatever breaks off
//! where.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[allow(dead_code, reason = "shared with the other suite, which uses all of it")]
#[path = "../runtime/book.rs"]
mod book;
#[allow(dead_code, reason = "shared with the other suite, which uses all of it")]
#[path = "../runtime/echo.rs"]
mod echo;
#[allow(dead_code, reason = "shared with the other suite, which uses all of it")]
#[path = "../runtime/folding.rs"]
mod folding;
#[allow(dead_code, reason = "shared with the other suite, which uses all of it")]
#[path = "../runtime/letters.rs"]
mod letters;
#[allow(dead_code, reason = "shared with the other suite, which uses all of it")]
#[path = "../runtime/redis_server.rs"]
mod redis_server;
#[allow(dead_code, reason = "shared with the other suite, which uses all of it")]
#[path = "../runtime/toy.rs"]
mod toy;
#[allow(dead_code, reason = "shared with the other suite, which uses all of it")]
#[path = "../runtime/upcasts.rs"]
mod upcasts;

mod beside;
mod models;
mod places;
