import Foundation

/// The whole of a file of the system, or nothing where there is none any more.
///
/// `String(contentsOfFile:)` leaks a page where the file goes while it is read, which AddressSanitizer reports: files
/// of threads and processes go when these end.
func textOfFile(_ path: String) -> String {
  let file = open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { return "" }
  defer { close(file) }
  var bytes: [UInt8] = []
  var part = [UInt8](repeating: 0, count: 1 << 16)
  while case let count = read(file, &part, part.count), count > 0 { bytes += part[..<count] }
  return String(decoding: bytes, as: UTF8.self)
}
