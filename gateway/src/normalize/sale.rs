//! Sales of terminals: JSON to a sale with findings.
