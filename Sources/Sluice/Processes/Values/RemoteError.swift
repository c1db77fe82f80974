/// An error that was thrown in a worker process and could not be brought over as it is: its type is not `Codable`, or is
/// not known on this side. Errors of `Codable` types arrive as they were thrown.
public struct RemoteError: Error, Hashable, Codable, CustomStringConvertible {
  /// The type of the error that was thrown, with its module.
  public let typeName: String
  /// What the error says of itself.
  public let description: String

  public init(typeName: String, description: String) {
    self.typeName = typeName
    self.description = description
  }

  /// What there is to say of an error, at most `mostBytes` bytes of UTF-8 of each.
  init(describing error: any Error, mostBytes: Int = 16_384) {
    func cut(_ text: String) -> String {
      text.utf8.count <= mostBytes ? text : String(decoding: text.utf8.prefix(mostBytes), as: UTF8.self)
    }
    // What has been brought over once is not wrapped again.
    self =
      error as? RemoteError
      ?? RemoteError(typeName: cut(_typeName(type(of: error))), description: cut("\(error)"))
  }
}
