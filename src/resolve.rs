//! Step 2, resolve: a subject becomes images, all by digest.
