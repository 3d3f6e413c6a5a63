from keras.src.models.model import Model
