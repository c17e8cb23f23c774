// A Swift developer imports V6Flower and has Flower's records, messages, apps and strategies, and the node's tables.
@_exported import Arguments
@_exported import Flower
@_exported import LocalData
@_exported import OrderedCollections
@_exported import Wire
