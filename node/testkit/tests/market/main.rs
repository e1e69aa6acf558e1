//! Requests, awards, misses and slashes on Gavel's contracts over the real EigenLayer core.

mod fixture;
mod miss;
mod request;
