"""The tensor part of the course, cell by cell: what it prints must equal course.expected, byte for byte."""

import duoc as torch
import numpy as np

# 2. Creating tensors
x = torch.tensor([1, 2, 3, 4])
torch.manual_seed(0)
random_tensor = torch.rand(size=(3, 4))
print(random_tensor)
zeros = torch.zeros(size=(3, 4))
ones = torch.ones(size=(3, 4))
eye = torch.eye(3)
print(zeros)
print(ones)
print(eye)
range_tensor = torch.arange(start=0, end=10, step=2)
linspace_tensor = torch.linspace(start=0.1, end=1, steps=10)
print(range_tensor)
print(linspace_tensor)
x_ones = torch.ones_like(x)
x_zeros = torch.zeros_like(x)
print(x_ones)
print(x_zeros)

# 3. Attributes
print(x.shape)
print(x.dtype)
print(x.device)

# 4. Basic operations
tensor = torch.tensor([[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]])
tensor1 = torch.tensor([[1, 2], [3, 4]])
tensor2 = torch.tensor([[5, 6], [7, 8]])
new_shape = (2, 5)
result = tensor1 + tensor2
print(result)
result = torch.add(tensor1, tensor2)
print(result)
result = torch.matmul(tensor1, tensor2)
print(result)
result = tensor1 @ tensor2
print(result)
reshaped = tensor.reshape(new_shape)
reshaped = tensor.view(new_shape)
print(reshaped)

# 5. Indexing, cat, stack
print(tensor[0])
print(tensor[1:4])
print(tensor[4])
concat = torch.cat([tensor1, tensor2], dim=0)
print(concat)
stacked = torch.stack([tensor1, tensor2], dim=0)
print(stacked)

# 6. NumPy, both ways, sharing memory
numpy_array = np.array([1, 2, 3])
torch_tensor = torch.from_numpy(numpy_array)
numpy_array[0] = 9
print(torch_tensor)
numpy_array = torch_tensor.numpy()
torch_tensor[1] = 7
print(numpy_array)

# 7. Devices
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print(f"Using device: {device}")
if torch.cuda.is_available():
    print("CUDA available:", torch.cuda.is_available())
    print("GPU Name:", torch.cuda.get_device_name(0))
