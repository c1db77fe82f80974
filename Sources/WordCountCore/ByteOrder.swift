import Glibc

/// Compares two runs of bytes as `memcmp` does, a prefix before what it begins: negative, 0 or positive.
func compareBytes(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Int {
  if let x = a.baseAddress, let y = b.baseAddress {
    let order = memcmp(x, y, min(a.count, b.count))
    if order != 0 { return Int(order) }
  }
  return a.count - b.count
}

/// The first eight bytes, zeros for missing ones, as a number that orders as they do.
func leadingBytes(of bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
  var number: UInt64 = 0
  withUnsafeMutableBytes(of: &number) { $0.copyBytes(from: UnsafeRawBufferPointer(bytes).prefix(8)) }
  return UInt64(bigEndian: number)
}
