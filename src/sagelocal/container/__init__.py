"""The `/opt/ml` contract as data: layout, environment, images and the processes that live in them."""
