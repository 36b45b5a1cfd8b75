"""What reward models lower, one small file an objective; how they are made, kept and measured."""
