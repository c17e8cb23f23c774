import OrderedCollections

extension OrderedDictionary {
    /// The pairs in order; of those with one key the first counts. What comes from outside may name a key twice.
    package init(firstOf pairs: some Sequence<(Key, Value)>) {
        self.init(pairs, uniquingKeysWith: { first, _ in first })
    }
}

extension Dictionary {
    /// The pairs; of those with one key the first counts. What comes from outside may name a key twice.
    package init(firstOf pairs: some Sequence<(Key, Value)>) {
        self.init(pairs, uniquingKeysWith: { first, _ in first })
    }
}
