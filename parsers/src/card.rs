//! Cards: ISO 7813 tracks, card schemes, masking, keyed tokens. The number itself never leaves this module in clear.
