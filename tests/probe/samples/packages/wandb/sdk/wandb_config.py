class Config:
    def __init__(self): object.__setattr__(self, "_items", {})
    def __setitem__(self, key, val): self._items[key] = val
    __setattr__ = __setitem__
    def __getattr__(self, key):
        try: return self._items[key]
        except KeyError as error: raise AttributeError(key) from error
    def update(self, d, allow_val_change=None): self._items.update(d)
    def as_dict(self): return dict(self._items)
