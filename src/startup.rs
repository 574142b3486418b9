//! Builds the service from its configuration, then runs it. The only place that names concrete backends.
