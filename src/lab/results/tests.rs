//! What a run leaves reads back; what is damaged is told.
