//! EDI: interchanges to documents, findings and acknowledgements.
