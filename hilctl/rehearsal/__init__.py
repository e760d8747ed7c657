"""The simulator as a rig on the network: robot servers, cameras, and somebody in the room."""
