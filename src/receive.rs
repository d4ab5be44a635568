//! Step 1, receive.
