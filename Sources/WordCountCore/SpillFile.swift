import Glibc

/// Counts could not be kept on disk: the temporary folder cannot be used, or is full.
public struct SpillError: Error, Sendable, CustomStringConvertible {
  public let description: String

  init(_ action: String, in folder: BytePath, errorNumber code: CInt) {
    let hint = code == ENOSPC ? "; set TMPDIR to a folder with more room" : ""
    description = "cannot \(action) in \(folder): \(systemErrorText(code))\(hint)"
  }
}

/// A temporary file whose name is removed at once: it is gone when it is closed, whatever becomes of the
/// process.
final class SpillFile: Sendable {
  private let descriptor: CInt
  private let folder: BytePath

  /// - Throws: ``SpillError`` if the file cannot be made.
  init(in folder: BytePath) throws {
    self.folder = folder
    var template = folder.appending("wordcount-XXXXXX".utf8).bytes.map(CChar.init(bitPattern:)) + [0]
    descriptor = mkstemp(&template)
    guard descriptor >= 0 else {
      throw SpillError("make a temporary file", in: folder, errorNumber: errno)
    }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    unlink(template)
  }

  deinit {
    close(descriptor)
  }

  /// Writes all of `bytes` behind what was written before.
  ///
  /// - Throws: ``SpillError`` when the disk is full.
  func append(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      let count = write(descriptor, rest.baseAddress, rest.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        throw SpillError("write a temporary file", in: folder, errorNumber: count < 0 ? errno : ENOSPC)
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Reads from `offset` on into `buffer`; returns the number of bytes, 0 only at the end.
  ///
  /// - Throws: ``SpillError``
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while true {
      let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        throw SpillError("read a temporary file", in: folder, errorNumber: errno)
      }
      return count
    }
  }

  /// The folder for temporary files: `TMPDIR`, or /var/tmp, because /tmp is in memory on many systems.
  static var defaultFolder: BytePath {
    guard let value = getenv("TMPDIR"), value.pointee != 0 else { return BytePath("/var/tmp") }
    return BytePath(String(cString: value))
  }
}
