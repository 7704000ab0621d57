"""Fit a line by PyTorch and keep it as TorchScript."""

import argparse
import os

import torch

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int)
    epochs = parser.parse_args().epochs
    torch.manual_seed(0)
    x = torch.rand(256, 2)
    y = x @ torch.tensor([[2.0], [3.0]]) + 1
    model = torch.nn.Linear(2, 1)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(epochs):
        optimiser.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimiser.step()
    print(f"loss={loss.item():.6f}")
    print("master", os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"], os.environ["SM_FRAMEWORK_MODULE"])
    torch.jit.script(model).save(f"{os.environ['SM_MODEL_DIR']}/model.pt")
