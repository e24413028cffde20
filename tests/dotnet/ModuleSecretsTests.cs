using System.Collections;
using System.Management.Automation;
using System.Security;
using System.Text.Json;
using Tessera.ScriptHost;

namespace Tessera.Tests;

/// <summary>No secret shows anywhere but in the one place that it was asked for.</summary>
public sealed class ModuleSecretsTests
{
    private static readonly string[] SecretParameters = ["Token", "Password", "SigningKey", "Passphrase"];

    [Fact]
    public void No_stream_view_error_or_object_holds_a_secret()
    {
        using var session = new ModuleSession(isConnected: false);

        string shown = session.Show($". '{ModuleScriptTests.ScriptPath("secrets.ps1")}'");

        string[] secrets = [.. session.Engine.Invoke("$Secrets").Select(secret => (string)secret.BaseObject)];
        IReadOnlyList<ErrorRecord> errors = session.Engine.GetErrorRecords();
        object[] objects = [.. session.Engine.Invoke("$Objects").Select(value => value.BaseObject)];
        Assert.Equal(9, secrets.Length);
        Assert.True(errors.Count >= 84, $"Only {errors.Count} errors:\n{shown}");
        Assert.True(objects.Length >= 8);

        AssertHoldsNone(secrets, shown);
        foreach (ErrorRecord error in errors)
        {
            AssertHoldsNone(secrets, Text(error));
        }

        foreach (object value in objects)
        {
            AssertHoldsNone(secrets, value.ToString());
            if (value is not IEnumerable and not SecureString)
            {
                AssertHoldsNone(secrets, JsonSerializer.Serialize(value, value.GetType()));
            }
        }
    }

    [Theory]
    [InlineData("Test-TesseraToken")]
    [InlineData("Test-TesseraJsonWebToken -SigningKey ('x' * 32)")]
    [InlineData("ConvertTo-TesseraJsonWebToken")]
    public void Value_of_100_MB_is_refused_without_being_repeated(string command)
    {
        using var session = new ModuleSession();

        string shown = session.Show($"$value = 'x' * 100MB; {command} $value");

        Assert.InRange(shown.Length, 1, 2000);
    }

    [Fact]
    public void Plain_text_is_shown_where_it_was_asked_for()
    {
        using var session = new ModuleSession();

        string shown = session.Show("$null = New-TesseraIdentity Adam; Grant-TesseraToken Adam -AsPlainText");

        Assert.Matches(@"(?m)^Token +: tsr_[0-9A-Za-z]{50}$", shown);
    }

    /// <summary>All of a record's text that a person or a log may see, but for what the user typed as plain text himself.</summary>
    private static string Text(ErrorRecord error) => string.Join('\n',
    [
        error.ToString(),
        error.Exception.ToString(),
        error.FullyQualifiedErrorId,
        error.CategoryInfo.ToString(),
        error.CategoryInfo.TargetName,
        error.TargetObject?.ToString() ?? "",
        error.ErrorDetails?.ToString() ?? "",
        error.ScriptStackTrace ?? "",
        error.InvocationInfo?.Line ?? "",
        error.InvocationInfo?.PositionMessage ?? "",
        .. SecretParameters.Select(parameter => error.InvocationInfo?.BoundParameters.GetValueOrDefault(parameter)?.ToString() ?? ""),
    ]);

    private static void AssertHoldsNone(string[] secrets, string? text)
    {
        foreach (string secret in secrets)
        {
            Assert.DoesNotContain(secret, text ?? "", StringComparison.Ordinal);
            // A part that would still help somebody: what follows a token's public id, or a signature.
            Assert.DoesNotContain(secret[^Math.Min(secret.Length, 14)..], text ?? "", StringComparison.Ordinal);
        }
    }
}
