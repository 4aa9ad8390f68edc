//! Lanes: the readings of their devices go into the pipeline.
