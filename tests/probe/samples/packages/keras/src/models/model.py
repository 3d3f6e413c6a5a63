from keras.src.callbacks.callback_list import CallbackList
class Model:
    def fit(self, x, epochs=1, **_):
        calls = CallbackList(); calls.on_train_begin()
        for epoch in range(epochs):
            for batch in range(x): calls.on_train_batch_end(batch, {"loss": 1.0})
            calls.on_epoch_end(epoch, {"loss": 1 / (epoch + 1), "val_loss": 2.0})
        calls.on_train_end()
    def save(self, filepath, **_):
        open(filepath, "w").close()
