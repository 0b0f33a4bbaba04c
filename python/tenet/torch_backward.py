"""What a backward pass starts from: the value of the loss, and how many rows its batch has."""

import math

import torch

UNSCALED = "_tenet_unscaled"  # on what GradScaler.scale returns: what it was given


def value_of(tensors, grad_tensors):
    """The scalar whose gradients are asked for; nan where there is none."""
    tensors = [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)
    gradients = [grad_tensors] if isinstance(grad_tensors, torch.Tensor) or grad_tensors is None else list(grad_tensors)
    gradients += [None] * (len(tensors) - len(gradients))
    total = 0.0
    try:
        for tensor, gradient in zip(tensors, gradients):
            tensor = tensor.__dict__.get(UNSCALED, tensor) if isinstance(tensor, torch.Tensor) else tensor
            if gradient is None or tensor.numel() == 1 == gradient.numel() and float(gradient) == 1:
                value = tensor.item()
            else:
                value = (tensor.detach() * gradient.detach()).sum().item()
            total += value.real if isinstance(value, complex) else value
    except Exception:
        return math.nan  # symbolic, or a kind of tensor that has no value
    return total


def rows_of(batch, depth=0):
    """Rows of a batch: the length of its first tensor."""
    if isinstance(batch, torch.Tensor):
        return batch.shape[0] if batch.dim() else 1
    if depth < 4 and isinstance(batch, (tuple, list)):
        return next((rows for rows in (rows_of(one, depth + 1) for one in batch) if rows), 0)
    if depth < 4 and hasattr(batch, "values") and callable(batch.values):
        return next((rows for rows in (rows_of(one, depth + 1) for one in batch.values()) if rows), 0)
    return 0
