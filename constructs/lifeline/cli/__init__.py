"""The command line `lifeline`: operate a deployed Lifeline, and read its runbooks offline.

An operator creates, reads and pauses the authority, and approves a loss; everything else the system decides
by itself. Imports the recovery core and its adapters, nothing above; boto3 only in a command that calls AWS.
"""
