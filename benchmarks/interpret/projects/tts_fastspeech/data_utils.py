import librosa
import torch

from text import intersperse, text_to_sequence


class TextAudioLoader(torch.utils.data.Dataset):
    def __init__(self, filelist, data, audio):
        self.lines = [l.rstrip().split("|") for l in open(filelist)]
        self.d, self.a = data, audio

    def __len__(self):
        return len(self.lines)

    def __getitem__(self, i):
        path, text = self.lines[i][0], self.lines[i][-1]
        wav, _ = librosa.load(path, sr=self.a.sampling_rate)
        ids = text_to_sequence(text, self.d.text_cleaners)
        if self.d.add_blank:
            ids = intersperse(ids, 0)
        mel = librosa.feature.melspectrogram(y=wav, sr=self.a.sampling_rate, n_fft=self.a.filter_length, hop_length=self.a.hop_length,
                                             win_length=self.a.win_length, n_mels=self.a.n_mel_channels, fmin=self.a.mel_fmin, fmax=self.a.mel_fmax)
        return torch.LongTensor(ids), torch.FloatTensor(mel), torch.FloatTensor(wav)


class TextAudioCollate:
    def __call__(self, batch):
        return [torch.nn.utils.rnn.pad_sequence([b[i].T if b[i].ndim > 1 else b[i] for b in batch], True) for i in range(3)]
