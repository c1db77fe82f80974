import CSluice
import Glibc

/// Why there is no shared memory of this kind.
public struct SharedMemoryError: Error, Equatable, CustomStringConvertible {
  /// What failed.
  public enum Kind: Sendable, Equatable {
    /// The system has no memory, or no descriptor, left for it.
    case unavailable
    /// The number of bytes or elements cannot be used.
    case invalidSize
    /// The elements mean nothing in another process, or their bytes cannot be checked when they come back.
    case unsupportedElement
    /// What another process has sent is not what it says.
    case notSharedMemory
  }

  public let kind: Kind
  /// What is wrong, and with what.
  public let reason: String

  init(_ kind: Kind, _ reason: String) {
    self.kind = kind
    self.reason = reason
  }

  public var description: String { reason }

  /// The memory could not be had, and the system said this number.
  static func unavailable(byteCount: Int, errno code: Int32) -> SharedMemoryError {
    SharedMemoryError(
      .unavailable, "there is no shared memory of \(byteCount) bytes: \(message(code))")
  }

  static func notSharedMemory(errno code: Int32) -> SharedMemoryError {
    let what =
      switch code {
      case EACCES: "it is not sealed memory that this process can read"
      case EINVAL: "it is empty or parts of it are missing"
      default: message(code)
      }
    return SharedMemoryError(.notSharedMemory, "a descriptor that a process has sent cannot be used: \(what)")
  }

  private static func message(_ code: Int32) -> String { String(cString: strerror(code)) }
}
