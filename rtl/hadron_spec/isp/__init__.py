"""The ISP's specification: settings of every stage, configurations and registers."""
