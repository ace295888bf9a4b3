"""Answers to CloudFormation: what every custom resource of ours shares."""
