//! `POST /events/{receiver}` as a registry sees it, and what becomes of what it accepted.

mod doors;
mod samples;
mod trouble;
mod work;
