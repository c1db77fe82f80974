import Glibc
import Synchronization

/// A file or folder that could not be read, or not to its end.
public struct ReadFailure: Error, Sendable, Codable, CustomStringConvertible {
  /// What could not be read.
  public let path: BytePath
  /// Why, in the system's words where the system refused.
  public let reason: String

  public init(path: BytePath, reason: String) {
    self.path = path
    self.reason = reason
  }

  /// The failure of a system call on `path` that left `code` in `errno`.
  public init(path: BytePath, errorNumber code: CInt) {
    self.init(path: path, reason: systemErrorText(code))
  }

  public var description: String { "cannot read \(path): \(reason)" }
}

/// The system's text for an `errno` value, such as "No such file or directory".
func systemErrorText(_ code: CInt) -> String {
  guard let text = strerror(code) else { return "error \(code)" }
  return String(cString: text)
}

/// What the walk and the readers have met so far: bytes read and failures, counted from any thread.
///
/// Failures are counted and handed on, never collected: a folder with a million unreadable files
/// must not fill the memory with their names.
public final class ReadLog: Sendable {
  private let byteCount = Atomic<Int>(0)
  private let failureCount = Atomic<Int>(0)
  private let onFailure: @Sendable (ReadFailure) -> Void

  /// - Parameter onFailure: called once for each failure, on the thread that met it.
  public init(onFailure: @escaping @Sendable (ReadFailure) -> Void) {
    self.onFailure = onFailure
  }

  /// The number of bytes read from files so far.
  public var bytesRead: Int { byteCount.load(ordering: .relaxed) }

  /// The number of files and folders so far that could not be read, or not to their end.
  public var unreadable: Int { failureCount.load(ordering: .relaxed) }

  func didRead(bytes: Int) {
    byteCount.add(bytes, ordering: .relaxed)
  }

  func didFail(_ failure: ReadFailure) {
    failureCount.add(1, ordering: .relaxed)
    onFailure(failure)
  }
}
