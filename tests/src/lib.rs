//! What the tests of the whole share.

pub mod documents;
pub mod graphql_driver;
pub mod properties;
pub mod sdl;
pub mod server;
