import Foundation
import Testing

/// Two connected sockets over which descriptors go, as they do between processes.
final class SocketPair {
  private var ends: [Int32] = [-1, -1]

  init() throws {
    let made = socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends)
    try #require(made == 0)
  }

  deinit { for end in ends { close(end) } }

  /// A header (its length, SOL_SOCKET, SCM_RIGHTS) and the descriptor, in 24 bytes.
  private func message(_ end: Int32, _ descriptor: Int32?) -> Int32? {
    var control = [UInt64](repeating: 0, count: 3)
    var byte: UInt8 = 1
    return control.withUnsafeMutableBytes { control in
      withUnsafeMutablePointer(to: &byte) { byte in
        var part = iovec(iov_base: byte, iov_len: 1)
        return withUnsafeMutablePointer(to: &part) { part in
          var header = msghdr()
          header.msg_iov = part
          header.msg_iovlen = 1
          header.msg_control = control.baseAddress
          header.msg_controllen = control.count
          if let descriptor {
            control.storeBytes(of: 20, as: Int.self)
            control.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: Int32.self)
            control.storeBytes(of: Int32(1), toByteOffset: 12, as: Int32.self)
            control.storeBytes(of: descriptor, toByteOffset: 16, as: Int32.self)
            return sendmsg(end, &header, 0) == 1 ? 0 : nil
          }
          guard recvmsg(end, &header, 0) == 1, control.load(as: Int.self) == 20 else { return nil }
          return control.load(fromByteOffset: 16, as: Int32.self)
        }
      }
    }
  }

  func send(_ descriptor: Int32) throws { _ = try #require(message(ends[0], descriptor)) }
  func receive() throws -> Int32 { try #require(message(ends[1], nil)) }
}
