//! stub
#![allow(missing_docs)]
pub fn http1(status: u16, cause: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} x\r\nwayside-error: {cause}\r\n\r\n").into_bytes()
}
