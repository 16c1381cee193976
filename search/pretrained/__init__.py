"""Begins candidates from the weights of a trained network in place of noise.

`source` reads those weights. `axes` and `layers` describe which channels a layer reads and writes,
`units`, `attention_layers` and `network_layers` list the layers of units and networks. `alignment`
pairs units, `channels` chooses channels, `resizing` changes the shape of one tensor, `new_parts`
fills what has no counterpart, and `carrying` does all of it for a network. `beginning` begins a
training, `kept` keeps a source with a study, and `begun` tells what a search has of it.

Sources: Chen et al., Net2Net, ICLR 2016, arXiv:1511.05641; Cai et al., Once-for-All, ICLR 2020,
arXiv:1908.09791; Yu et al., Slimmable Neural Networks, ICLR 2019, arXiv:1812.08928; Li et al.,
Pruning Filters for Efficient ConvNets, ICLR 2017, arXiv:1608.08710.
"""
