"""A student learns from a teacher that was trained before."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

T = 3.0


def network(width):
    return nn.Sequential(nn.Linear(10, width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, 5))


def distillation_loss(student_logits, teacher_logits, labels):
    student_log_probs = F.log_softmax(student_logits / T, dim=1)
    teacher_probs = F.softmax(teacher_logits / T, dim=1)
    soft = F.kl_div(student_log_probs, teacher_probs, reduction="batchmean") * T * T
    return 0.7 * soft + 0.3 * F.cross_entropy(student_logits, labels)


def train_teacher(teacher, loader):
    optimizer = torch.optim.Adam(teacher.parameters(), lr=0.01)
    teacher.train()
    for _ in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(teacher(x), y)
            loss.backward()
            optimizer.step()


def distill(student, teacher, loader, epochs):
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    teacher.eval()
    losses = []
    for _ in range(epochs):
        student.train()
        for x, y in loader:
            with torch.no_grad():
                teacher_logits = teacher(x)
            student_logits = student(x)
            loss = distillation_loss(student_logits, teacher_logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def accuracy(model, loader):
    model.eval()
    hits, seen = 0, 0
    with torch.no_grad():
        for x, y in loader:
            hits += (model(x).argmax(1) == y).sum().item()
            seen += y.size(0)
    return hits / seen


def main():
    torch.manual_seed(0)
    weights = torch.randn(10, 5)
    x = torch.randn(640, 10)
    y = (x @ weights).argmax(1)
    train_set, test_set = TensorDataset(x[:512], y[:512]), TensorDataset(x[512:], y[512:])
    train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=32)
    teacher, student = network(64), network(8)
    train_teacher(teacher, train_loader)
    losses = distill(student, teacher, train_loader, 2)
    print("loss", sum(losses) / len(losses))
    print("accuracy", accuracy(teacher, test_loader), accuracy(student, test_loader))


if __name__ == "__main__":
    main()
