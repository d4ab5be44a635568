//! What has to be asked beyond the image: what refers to it, and the bases that a policy names.

mod bases;

mod caps;

mod evidence;

mod real;
