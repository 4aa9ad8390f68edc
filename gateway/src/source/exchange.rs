//! EDI partners: watched folders and `POST /v1/edi`.
